"""How the platform is run: on one machine without containers, in containers, in Kubernetes."""
