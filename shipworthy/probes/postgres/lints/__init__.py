"""What other tools say about a project: facts of theirs, judged by the checks."""
