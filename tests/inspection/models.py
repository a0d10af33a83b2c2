"""What graph() and gradient_flow() need of a model."""


class Model:
    """Parameters under their names."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def named_parameters(self):
        yield from self.parameters.items()
