"""What `radiotracer check` finds: wrong labels by out-of-fold opinions, beside other rankings.

    python -m bench check --photos cifar10 [--cell clean lists ...] [--seeds 0 1 ...]

The folder has train/CLASS/*.jpg and test/CLASS/*.jpg, such as those of CIFAR-10. Features of 1,200
training photographs of each class are computed once (of two classes 2,500), and every case takes a
random part of them; parts of different seeds overlap. Cells:

clean     no wrong label: how many are flagged
thousand  2,000 photographs with a thousand made-up labels: slow
lists     wrong labels: precision, lists with a rate, with and without 1,000 validation examples
flips     the same of other images
rivals    cleanlab, neighbours and a loss on the features of lists and flips
texts     mails, by words alone, and by all that is installed
tables    scikit-learn's, and --tables of R
all       all training photographs (--all)
speed     the command in a process of its own, twice

Settings were chosen on seeds of 100 and above. A finished case is not done again.
"""

from bench.check.command import main as main
