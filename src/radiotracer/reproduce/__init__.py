"""What repeats an experiment, at home and at full size: the demo, and the two source texts."""
