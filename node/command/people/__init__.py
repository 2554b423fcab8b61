"""`pledgeway people`, `requester` and `pending`: accounts of people, and what they are asked."""
