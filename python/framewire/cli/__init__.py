"""The verbs that the `framewire` command finds as framewire-VERB on PATH."""
