"""The way back: labels, comparison, promotion, and what tells whether the classifier is still good."""
