"""The reference set: as many records as Cao et al. (2024) report, and as many of them anomalous.

Their data is not public. Of its table 5 this set reproduces the number of records (2,543,678) and
the share of anomalies (5.7%); the 128 features a record that the table names contradict table 3 of
the same paper, whose groups sum to 240, and 240 it is here.

Source: Cao, Zheng, Liu & Li (2024), JKLST 3(4), 320-329, table 5.
"""
