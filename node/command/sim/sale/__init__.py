"""`pledgeway sim sale`: sales that an agent judges, among the silent and the dishonest."""
