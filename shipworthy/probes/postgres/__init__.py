"""Postgres: servers of the gate's own, migrations, and facts about databases."""
