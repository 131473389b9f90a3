"""``dita doctor``: what has to be so before one trades on paper, on the demo venue, or with money.

Start at ``checks`` (what a check and a stage are), then ``machine`` (what is looked at here) and ``account`` (what is
asked of the venue); ``command`` walks them.
"""
