"""The face of Lennonnet: the window in which photos are seen, judged and sorted. Knows no torch."""
