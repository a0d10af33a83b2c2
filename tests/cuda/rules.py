"""A rule of the user's own, for which there is no kernel."""

from gpugrad import optim


class Signs(optim.SGD):
    """p - lr sign(g)."""

    def update(self, xp, group, c, p, g, state, out, tmp):
        xp.sign(g, out=out)
        xp.multiply(out, c[0], out=out)
        xp.subtract(p, out, out=p)
