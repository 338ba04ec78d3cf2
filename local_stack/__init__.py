"""The whole stack on this machine, without Docker: embedded servers and the product's own processes, supervised.

Servers and Java come from wheels, Kafka from a locked list of jars, all state goes below one folder, and everything
listens on the loopback interface.
"""
