"""What a Pod object asks for, worked out: environment, images, volumes, users, status, injection.

Reads decoded Pods and the objects they name; gives values for the kubelet, and volumes as files. Mostly pure (files and
clocks come in as arguments). May import `host.views`, `store`, `envoy`, `api`, `errors`.
"""
