"""What is wrong with a fleet: facts are gathered at the edges, and a check is a function of them.

`look_at_hosts` asks each host once, `on_host` is what it is asked. What etcd knows is given by the
command. The checks, a module a topic, say what they find; `diagnosis` has them all.
"""
