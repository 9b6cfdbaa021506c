"""What people read: one class per view, so that the dictionary lists them too."""
