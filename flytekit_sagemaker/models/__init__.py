"""The models: immutable values, valid from the moment they exist, each the Python face of one protobuf message."""
