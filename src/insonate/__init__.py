"""insonate: an open digital twin of transcranial MR-guided focused ultrasound.

Research and training software. Not a medical device. NICE HTG491: this procedure
should not be used.
"""
