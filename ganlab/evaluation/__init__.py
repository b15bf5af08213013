"""What turns metrics into evidence: reference sets, controls, bootstrap over patients."""
