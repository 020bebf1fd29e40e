"""The upgrade rehearsal: pending migrations on a filled copy of what is deployed, under traffic."""
