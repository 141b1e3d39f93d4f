"""What runs inside a training job's container; nothing here imports more than the standard library until it must."""
