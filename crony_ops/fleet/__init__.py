"""The fleet's machines as they are: authority and access of etcd, rollouts, and a look at hosts."""
