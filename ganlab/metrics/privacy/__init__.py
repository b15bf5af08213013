"""What generated samples give away of the patients who trained: copies, membership, linkage."""
