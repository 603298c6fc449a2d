"""The part in Triton: what step.cpp does, for banks on a GPU. Reading a file of it imports Triton.

Legend: as in step.cpp. A launch does many jobs: its programs are the tiles that weights or banks are cut into, and
find their job in a table of 64-bit integers (see `table`). No sum is made by atomic operations: a tile writes its
own, and they are added up in order, so results are the same every time.
"""
