"""Is the watching watched? What is overdue, stopped, without anybody on duty or out of quota; the dead-man switch."""
