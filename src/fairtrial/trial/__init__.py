"""From runs to tables: planning, training, keeping."""
