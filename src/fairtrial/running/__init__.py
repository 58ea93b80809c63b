"""From a study to finished runs: plan, train, resume, and judge."""
