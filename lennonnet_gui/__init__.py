"""The face of Lennonnet: the window in which photos are seen, judged and sorted. Knows no torch."""

import training as training  # before numpy is loaded; see there
