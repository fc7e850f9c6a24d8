"""The simulation against a running Envoy: the same call, walked and sent, must end in the same place."""
