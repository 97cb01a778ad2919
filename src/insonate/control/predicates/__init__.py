"""The predicates behind the guards: why not, or nothing; by what they look after."""
