"""The integration cases in a running mesh: real Envoys, real captures, the environment's applications as echoes."""
