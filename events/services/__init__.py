"""What moves events to their subscribers and mails to their recipients."""
