"""Questions that can be computed instead of guessed: arithmetic, percentages, units, simple equations, dates.

``Calculator.answer`` takes the student's words and gives the finished sentence, or None when it has not understood
*all* of them: a question that only looks like a calculation belongs to the language model.
"""
