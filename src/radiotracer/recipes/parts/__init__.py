"""What recipes share: options, choosing rows, crafting images, and what comes out."""
