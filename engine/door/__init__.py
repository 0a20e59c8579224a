"""A door: places sessions on the engines of a cluster, finds them again, and loads no models."""
