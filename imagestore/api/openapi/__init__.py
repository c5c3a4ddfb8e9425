"""The description of the API in OpenAPI 3.1: what each route takes and answers."""
