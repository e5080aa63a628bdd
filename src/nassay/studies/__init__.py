"""The loop, the ledger, the executors, budgets, resume."""
