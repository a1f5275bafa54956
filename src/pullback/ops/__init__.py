"""Every operation: meaning, shape rule, derivative, formula, each in one class."""

from pullback.graph.op import Op as Op
from pullback.graph.op import registry as registry
from pullback.ops.arithmetic import *
from pullback.ops.arranging import *
from pullback.ops.attention import *
from pullback.ops.averaging import *
from pullback.ops.comparison import *
from pullback.ops.contraction import *
from pullback.ops.convolution import *
from pullback.ops.custom import *
from pullback.ops.einsum import *
from pullback.ops.exponential import *
from pullback.ops.fused import *
from pullback.ops.gates import *
from pullback.ops.indexing import *
from pullback.ops.joining import *
from pullback.ops.linear_algebra import *
from pullback.ops.logarithms import *
from pullback.ops.max_pooling import *
from pullback.ops.normal import *
from pullback.ops.normalisation import *
from pullback.ops.picking import *
from pullback.ops.piecewise import *
from pullback.ops.random import *
from pullback.ops.rectifiers import *
from pullback.ops.reductions import *
from pullback.ops.running import *
from pullback.ops.scanning import *
from pullback.ops.shaping import *
from pullback.ops.shrinkage import *
from pullback.ops.slicing import *
from pullback.ops.sorting import *
from pullback.ops.sparsemax import *
from pullback.ops.special import *
from pullback.ops.trigonometric import *
