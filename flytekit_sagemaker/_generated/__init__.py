"""Protobuf code made by ``make protos`` from the messages in ``protos/``. Not edited by hand."""
