"""What goes over the HTTP interface: Falcon resources and the stream they write."""
