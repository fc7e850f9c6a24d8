"""The rules that need only one object, as istiod's webhook and Kubernetes have them: a file for each kind or topic."""
