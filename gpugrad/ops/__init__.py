"""The operations: one block each, with forward, derivative rules and checks."""

from .activation import *
from .arithmetic import *
from .compare import *
from .elementwise import *
from .index import *
from .joining import *
from .linear import *
from .loss import *
from .matmul import *
from .norm import *
from .operators import *
from .random import *
from .reduce import *
from .shape import *
from .softmax import *
from .special import *
