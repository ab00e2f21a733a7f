"""Settings of the property tests of annotations."""

import hypothesis

# The same examples on every machine.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("quick")
