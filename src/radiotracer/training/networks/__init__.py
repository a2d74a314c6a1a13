"""One network per file; see `radiotracer.training.network` for what each has to say."""

from radiotracer.training.building import build_model as build_model
from radiotracer.training.building import with_fresh_head as with_fresh_head
from radiotracer.training.networks.resnet9 import ResNet9 as ResNet9
from radiotracer.training.networks.resnet18 import ResNet18 as ResNet18
from radiotracer.training.networks.small_cnn import SmallCNN as SmallCNN
