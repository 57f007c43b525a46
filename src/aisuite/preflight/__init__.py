"""What must hold before anything is started: small pure checks over one snapshot of machine and stack."""
