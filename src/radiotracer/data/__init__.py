"""Examples: what they are, where they come from, and how to know that they are the same ones."""

from radiotracer.data.builtin import BUILT_INS as BUILT_INS
from radiotracer.data.builtin import BuiltIn as BuiltIn
from radiotracer.data.cache import Fetched as Fetched
from radiotracer.data.cache import Listed as Listed
from radiotracer.data.cache import cache_folder as cache_folder
from radiotracer.data.cache import get as get
from radiotracer.data.cache import list_built_ins as list_built_ins
from radiotracer.data.dataset import Dataset as Dataset
from radiotracer.data.dataset import Labels as Labels
from radiotracer.data.dataset import LeftOut as LeftOut
from radiotracer.data.digests import dataset_digest as dataset_digest
from radiotracer.data.identity import Identity as Identity
from radiotracer.data.identity import differences as differences
from radiotracer.data.identity import identify as identify
from radiotracer.data.idx import read_idx as read_idx
from radiotracer.data.modalities.images import IMAGES as IMAGES
from radiotracer.data.modalities.images import Images as Images
from radiotracer.data.modalities.images import require_images as require_images
from radiotracer.data.modalities.texts import TEXTS as TEXTS
from radiotracer.data.modality import MODALITIES as MODALITIES
from radiotracer.data.modality import Modality as Modality
from radiotracer.data.modality import Preview as Preview
from radiotracer.data.saved import save_examples as save_examples
from radiotracer.data.sources import open_data as open_data
from radiotracer.data.store import store_data as store_data
from radiotracer.data.text_sources import open_texts as open_texts
