"""What trains on several devices: Lightning's Trainer does the rest."""
