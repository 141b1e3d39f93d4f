"""From models and inputs to the exact boto3 requests, and every check that can be made before they are sent."""
