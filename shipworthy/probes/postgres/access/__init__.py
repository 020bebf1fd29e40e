"""Who reaches which row: two worlds of made rows, personas in them, and every command tried."""
