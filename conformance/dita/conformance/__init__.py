"""Evidence that the kernel image is the reference: lockstep, small worlds, shrinking, defects, and the certificate."""
