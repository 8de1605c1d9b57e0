"""Models in memory: which weights, on which device, and which of them stay loaded.

What belongs here: finding and verifying weights, choosing a device, and keeping the memory budget.
This is the only room of `speech` that knows where weights come from. What does not: what a model
computes; the functions that compute take a model that was loaded here.
"""
